/* Stands in for two SPANK plugins: the options of pyxis for sbatch and srun, and srun's --auto-resume of HyperPod.
 *
 * No container is made. What was asked for stands in the environment of the tasks, a flag as 1:
 * --container-image=X as PYXIS_SHIM_IMAGE=X, --no-container-mount-home as PYXIS_SHIM_NO_MOUNT_HOME=1 and so on.
 */
#include <slurm/spank.h>
#include <string.h>

SPANK_PLUGIN(pyxis_shim, 1)

struct shim {
	const char *variable;
	struct spank_option option;
	char *value;
};

static int take(int index, const char *argument, int remote);

/* Names and arguments: https://github.com/NVIDIA/pyxis/blob/master/args.c */
#define VALUE(variable, name, argument) {variable, {name, argument, "[shim]", 1, 0, take}, NULL}
#define FLAG(variable, name) {variable, {name, NULL, "[shim]", 0, 0, take}, NULL}

static struct shim shims[] = {
	VALUE("PYXIS_SHIM_IMAGE", "container-image", "IMAGE"),
	VALUE("PYXIS_SHIM_MOUNTS", "container-mounts", "SRC:DST[:FLAGS][,SRC:DST...]"),
	VALUE("PYXIS_SHIM_WORKDIR", "container-workdir", "PATH"),
	VALUE("PYXIS_SHIM_NAME", "container-name", "NAME"),
	VALUE("PYXIS_SHIM_ENV", "container-env", "NAME[,NAME...]"),
	FLAG("PYXIS_SHIM_MOUNT_HOME", "container-mount-home"),
	FLAG("PYXIS_SHIM_NO_MOUNT_HOME", "no-container-mount-home"),
	FLAG("PYXIS_SHIM_REMAP_ROOT", "container-remap-root"),
	FLAG("PYXIS_SHIM_WRITABLE", "container-writable"),
	/* https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-resiliency-slurm-auto-resume.html */
	VALUE("SHIM_AUTO_RESUME", "auto-resume", "0|1"),
};
#define COUNT (sizeof(shims) / sizeof(shims[0]))

static int take(int index, const char *argument, int remote)
{
	shims[index].value = strdup(shims[index].option.has_arg ? argument : "1");
	return 0;
}

int slurm_spank_init(spank_t spank, int ac, char **av)
{
	/* sbatch takes the options of pyxis, but --auto-resume belongs to srun alone. */
	size_t count = spank_context() == S_CTX_ALLOCATOR ? COUNT - 1 : COUNT;

	for (size_t i = 0; i < count; i++) {
		shims[i].option.val = i;
		if (spank_option_register(spank, &shims[i].option) != ESPANK_SUCCESS)
			return -1;
	}
	return 0;
}

int slurm_spank_user_init(spank_t spank, int ac, char **av)
{
	for (size_t i = 0; i < COUNT; i++)
		if (shims[i].value && spank_setenv(spank, shims[i].variable, shims[i].value, 1) != ESPANK_SUCCESS)
			return -1;
	return 0;
}
